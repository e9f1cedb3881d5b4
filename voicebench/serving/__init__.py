"""The service: what programs call, in the forms that they already speak."""
