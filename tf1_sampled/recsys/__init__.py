"""Candidate generation for recommenders: events, the YouTube DNN, and its evaluation."""
