"""What a build will take, reckoned before it: coefficients that were measured, linear formulas, a recipe's inputs."""
