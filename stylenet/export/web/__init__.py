"""A web page that stylises pictures in the browser."""
