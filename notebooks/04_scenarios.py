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
# # Scenarios
# Dialect, long meetings, self-corrections, entities, noise: how well each is heard, which facts
# survive, and which stage loses them.
#
# Set the run, and, if you like, the suites and variants to look at.

# %% tags=["parameters"]
run = "latest"
suites = ""
variants = ""

# %%
# %load_ext voicebench.report
from voicebench import report

# %%
opened = report.open_run(run, suites=suites, variants=variants)
report.summary(opened)

# %% [markdown]
# ## How well each condition is heard

# %%
report.conditions(opened)

# %% [markdown]
# ## Facts by type

# %%
report.facts_by_type(opened)

# %% [markdown]
# ## Which stage lost them
# The same LLM answers three transcripts: recognised and cleaned, gold and cleaned, gold. A fact lost
# only with the first is lost by the recogniser, from the second on by the cleaning, with all by the
# LLM.

# %%
report.attribution(opened)

# %%
report.lost_facts(opened)

# %% [markdown]
# ## The worst turns

# %%
report.worst_turns(opened)
