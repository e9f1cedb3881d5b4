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
# # Quick start
# Ask one question by voice and see every step of the answer: FunASR hears it, the transcript is
# cleaned, vLLM answers, all in this process.
#
# Set the question: a recording of yours (any common format), or the id of a case, whose speech is
# synthesised. The shipped models are small ones, trained by this project; set another `profile` for
# others.

# %% tags=["parameters"]
question = "daily_qa-001"
profile = "bundled"
cleaning = "baseline"
prompt = "baseline"
run_suites = ""
limit = 3

# %%
# %load_ext voicebench.report
from voicebench import live

# %% [markdown]
# The models load once, in half a minute or so, and stay for the next question.

# %%
assistant = live.load(profile)

# %%
live.ask(assistant, question, cleaning=cleaning, prompt=prompt)

# %% [markdown]
# ## A run of your own
# Name suites above in `run_suites`, as `"daily_qa,self_correction"`, to run the first cases of each
# and leave records in `reports/`. It may be interrupted: what is recorded is kept, and the cell goes
# on with it when it is run again. The other notebooks show it then.

# %%
live.run_suites(assistant, run_suites, limit=limit)
