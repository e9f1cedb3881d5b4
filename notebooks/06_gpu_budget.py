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
# # GPU budget
# What a profile is predicted to need of a card, and what was measured of it.
#
# Set the run, and, if you like, the card to predict for (`4090d`, `h100`, ...; `cpu` for this machine,
# measured for a second). Without one it is the run's own card, or the RTX 4090D where the run had none.

# %% tags=["parameters"]
run = "latest"
card = ""

# %%
# %load_ext voicebench.report
from voicebench import report

# %%
opened = report.open_run(run)
report.machine(opened)

# %% [markdown]
# ## Speed of the two models

# %%
report.model_speed(opened)

# %% [markdown]
# ## Predicted and measured

# %%
report.gpu_budget(opened, card)

# %% [markdown]
# ## The cards

# %%
report.gpu_memory(opened)
