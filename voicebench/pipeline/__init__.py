"""The assistant: recognition, cleaning and the LLM as one stream of events."""
