//! docker/postfix/start, run outside of a container: what a customer's Postfix makes of a refusal.
