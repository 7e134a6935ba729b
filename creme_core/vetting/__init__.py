"""The vetting desk: putative elements in, decisions of reviewers out."""
