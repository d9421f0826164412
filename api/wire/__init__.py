"""The objects in the answers of the contract, one module for each noun: the object, and its view, which makes it from a
value of the domain. Every key is always present and has the type that the strictest app needs; the defaults are empty
values."""
