"""A content-safety layer between an application and any language model."""
