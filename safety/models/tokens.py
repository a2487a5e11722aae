"""BERT's marks around a text, as ids of the shipped tokenizer. Constants only."""

UNK, CLS, SEP = 100, 101, 102
