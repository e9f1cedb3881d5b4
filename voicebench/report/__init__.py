"""Reports: records of a run in, tables, figures and one HTML file out; no torch, funasr or vllm."""
