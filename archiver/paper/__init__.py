"""What every room that prints needs: fonts, characters that they lack, tagged PDF, sheets of typed strings."""
