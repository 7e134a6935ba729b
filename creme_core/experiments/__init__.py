"""The tests of the paper: each plans mutants, has them predicted and summarises; only the middle step sees a model."""
