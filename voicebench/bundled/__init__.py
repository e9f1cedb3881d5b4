"""The small models shipped with the package, and the recipe that made them."""
