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
# # Comparing variants
# Cleanings and prompts (or whatever the variants of a run differ in), paired by turn. Every
# difference has a 95 % interval by conversation and an exact test, adjusted over the whole table:
# what may be chance is said to be chance.
#
# Set the run, and the variant to compare with (empty: the first). With another run in `other`, the
# same variants of both are compared; with one in `latency_run`, errors of this run are laid against
# latencies of that.

# %% tags=["parameters"]
run = "latest"
baseline = ""
other = ""
latency_run = ""

# %%
# %load_ext voicebench.report
from voicebench import report

# %%
opened = report.open_run(run)
report.summary(opened)

# %% [markdown]
# ## What differs

# %%
compared = report.compare(opened, other, baseline=baseline)
report.differences(compared, opened)

# %% [markdown]
# ## Errors against latency

# %%
report.trade(opened, latency_run)

# %% [markdown]
# ## The turns that changed, side by side

# %%
report.changed(compared)
