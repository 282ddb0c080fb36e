"""What many requests come to: the figures of a time, and how they are shown as text, tables and pages. Pure."""
