"""BERT's marks around a text, as ids of the shipped tokenizer. Constants only."""

CLS, SEP = 101, 102
