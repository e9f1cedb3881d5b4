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
# What a profile needs of a card, and what was measured of it.
#
# Set the run.

# %% tags=["parameters"]
run = "latest"

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
# ## Memory

# %%
report.gpu_memory(opened)
