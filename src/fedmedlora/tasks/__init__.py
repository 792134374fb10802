"""What is learnt: tasks turn notes into examples, outputs into findings, findings into scores."""
