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
# # Latency report
# How long people wait for an answer, and what they wait for. Every figure is computed from the
# records of one run; nothing is measured here.
#
# Set the run (a folder, an id under `reports/`, or `latest`), and, if you like, the suites and
# variants to look at, as names with commas between them. Then run all cells.

# %% tags=["parameters"]
run = "latest"
suites = ""
variants = ""

# %%
# %load_ext voicebench.report
from voicebench import report

# %% [markdown]
# ## The run

# %%
opened = report.open_run(run, suites=suites, variants=variants)
report.summary(opened)

# %% [markdown]
# ## Where the time goes
# From the true end of speech to the first token of the answer, each moment in one stage. *Service*
# is time inside a model, *setting* a wait that was configured, *framework* everything else.

# %%
report.waterfall(opened)

# %% [markdown]
# ## How long people wait

# %%
report.response_latency(opened)

# %%
report.latency_by_suite(opened)

# %% [markdown]
# ## Work before the turn is over
# Prefill and speculation: what they save, what they throw away, and how often an answer came too
# early.

# %%
report.early_work(opened)

# %% [markdown]
# ## How right the answers were meanwhile

# %%
report.rates(opened)

# %% [markdown]
# ## Every turn
# Sort by a column, or filter by a word.

# %%
report.turn_table(opened)

# %% [markdown]
# ## Where these figures come from

# %%
report.provenance(opened)
