"""The page for people: the same turns as the API's, spoken, uploaded or typed, in a browser."""
