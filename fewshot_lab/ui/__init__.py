"""The screens: pages, routes and components; computes nothing itself."""
