"""Operations that decide the speed and memory of the graph networks, with exact gradients."""
