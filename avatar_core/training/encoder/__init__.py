"""Training of the learned encoder by distillation from the teacher."""
