"""Values in Mandarin text: a grammar from text to typed values with spans, and their comparison.

numerals      三万五, 3.5万, 35,000 -> Decimal
quantities    numbers with units, money, shares, degrees
identifiers   telephone numbers and codes, digit by digit
calendar      days, weeks, months, holidays, relative to a clock
clock         times of day
lists         list marks and counts of the answer's own items, which are no values
scan          the grammar: left to right, the longest reading wins
compare       whether one value states another
"""
