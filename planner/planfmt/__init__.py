"""The binary formats: one table in `layout`, from which the C header, the documents and both codecs follow."""
