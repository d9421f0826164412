"""The App Store: in-app purchases of the iOS app, with Apple's own library (the extra `apple`)."""
