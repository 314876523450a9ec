"""The matching methods: sessions in, a match result out, no I/O."""
