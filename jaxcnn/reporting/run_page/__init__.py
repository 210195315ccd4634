"""The report of a run, or of several, as a page of HTML: from what their folders hold, without data or devices."""
