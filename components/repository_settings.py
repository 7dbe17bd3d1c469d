"""Settings of a repository on GitHub that no entry names: they are its people's."""

from __future__ import annotations

LEFT_ALONE = (
    "allowAutoMerge",
    "allowMergeCommit",
    "allowRebaseMerge",
    "allowSquashMerge",
    "allowUpdateBranch",
    "autoInit",  # an import reads it as false
    "hasDiscussions",
    "hasDownloads",
    "hasProjects",
    "hasWiki",
    "homepageUrl",
    "isTemplate",
    "mergeCommitMessage",
    "mergeCommitTitle",
    "pages",
    "squashMergeCommitMessage",
    "squashMergeCommitTitle",
    "template",
    "webCommitSignoffRequired",
)
"""For `ignore_changes`. With each change of a repository the provider sends all of these, and where nobody gave one its schema's
own value: github/resource_github_repository.go of integrations/terraform-provider-github. What it reads first is not listed."""
ADOPTED = (*LEFT_ALONE, "hasIssues", "deleteBranchOnMerge")
"""A repository that was there before keeps these, too."""
