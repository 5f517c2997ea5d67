"""Words and signals of datatrove and jieba, bit for bit. Only rules calibrated on them import this."""
