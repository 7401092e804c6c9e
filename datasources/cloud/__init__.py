"""Projects of the cloud and their virtual machines: who may see which, what they have and use."""
