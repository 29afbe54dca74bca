"""The door for GitHub webhooks and operators."""
