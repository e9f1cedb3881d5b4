"""The language model: the Generator protocol, vLLM behind it, and prompts."""
