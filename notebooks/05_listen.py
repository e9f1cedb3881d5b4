# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: tags
#     formats: ipynb,py:percent
#     notebook_metadata_filter: kernelspec,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Listening to a turn
# One turn with everything about it: its sound, what was heard and how surely, what was asked and
# answered, and when.
#
# Set the run and the case; without a case it is the turn with most to look at. `variant` empty: the
# first. `repeat` and `turn_index` count from 0.

# %% tags=["parameters"]
run = "latest"
case = ""
variant = ""
repeat = 0
turn_index = 0

# %%
# %load_ext voicebench.report
from voicebench import report

# %%
opened = report.open_run(run)
report.listen(opened, case, variant=variant, repeat=repeat, turn_index=turn_index)

# %% [markdown]
# ## Other turns
# Sort by a column, or filter by a word, and put a case above.

# %%
report.turn_table(opened)
