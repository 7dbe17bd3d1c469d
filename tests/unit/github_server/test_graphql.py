"""GraphQL on the tests' GitHub: the query that Backstage's discovery sends, and what GitHub would refuse of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.lab import requires_git
from tests.unit.github_server.clients import EVERYTHING, ask, request

if TYPE_CHECKING:
    from github.Organization import Organization

    from tests.support.github import GitHubServer

pytestmark = requires_git

QUERY = """
    query repositories($org: String!, $catalogPathRef: String!, $cursor: String, $repositoriesPageSize: Int!) {
      repositoryOwner(login: $org) {
        login
        repositories(first: $repositoriesPageSize, after: $cursor) {
          nodes {
            name
            catalogInfoFile: object(expression: $catalogPathRef) {
              __typename
              ... on Blob {
                id
                text
              }
            }
            url
            isArchived
            isFork
            visibility
            repositoryTopics(first: 100) {
              nodes {
                ... on RepositoryTopic {
                  topic {
                    name
                  }
                }
              }
            }
            defaultBranchRef {
              name
            }
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }"""
"""As @backstage/plugin-catalog-backend-module-github writes it."""
VARIABLES = {"org": "acme", "catalogPathRef": "HEAD:catalog-info.yaml", "repositoriesPageSize": 25}


def graphql(server: GitHubServer, query: str, **variables: Any) -> Any:
    """An answer's body."""
    answer = request(server, "POST", "/api/graphql", {"query": query, "variables": variables})
    assert answer.status == 200, answer.body
    return answer.body


def refused(server: GitHubServer, query: str, **variables: Any) -> list[str]:
    """Why a query gets nothing."""
    body = graphql(server, query, **variables)
    assert "data" not in body
    return [error["message"] for error in body["errors"]]


def test_the_query_of_the_discovery(server: GitHubServer, organization: Organization) -> None:
    """All that it asks of a repository, with the file on the default branch, whatever its name."""
    legacy = organization.create_repo("legacy", auto_init=True, private=True)
    legacy.create_git_ref("refs/heads/trunk", legacy.get_branch("main").commit.sha)
    legacy.edit(default_branch="trunk")
    legacy.create_file("catalog-info.yaml", "Add", "kind: Component\n", branch="trunk")
    legacy.replace_topics(["idp-managed"])
    organization.create_repo("empty")

    owner = graphql(server, QUERY, **VARIABLES)["data"]["repositoryOwner"]
    first, second = owner["repositories"]["nodes"]
    file = first.pop("catalogInfoFile")
    assert owner["login"] == "acme"
    assert first == {
        "name": "legacy",
        "url": f"{server.url}/acme/legacy",
        "isArchived": False,
        "isFork": False,
        "visibility": "PRIVATE",
        "repositoryTopics": {"nodes": [{"topic": {"name": "idp-managed"}}]},
        "defaultBranchRef": {"name": "trunk"},
    }
    assert (file["__typename"], file["text"]) == ("Blob", "kind: Component\n")
    assert (second["catalogInfoFile"], second["defaultBranchRef"]) == (None, None)


def test_a_folder_is_no_file(server: GitHubServer, organization: Organization) -> None:
    """A fragment gives nothing where its type is another."""
    organization.create_repo("legacy", auto_init=True).create_file("docs/index.md", "Add", "x")

    body = graphql(server, QUERY, **VARIABLES | {"catalogPathRef": "HEAD:docs"})
    (node,) = body["data"]["repositoryOwner"]["repositories"]["nodes"]
    assert node["catalogInfoFile"] == {"__typename": "Tree"}


def test_a_list_comes_in_pages(server: GitHubServer, organization: Organization) -> None:
    """Each with the cursor of the next."""
    for number in range(3):
        organization.create_repo(f"r{number}")
    seen, cursor = [], None
    while True:
        found = graphql(server, QUERY, **VARIABLES | {"repositoriesPageSize": 2, "cursor": cursor})
        page = found["data"]["repositoryOwner"]["repositories"]
        seen.append([node["name"] for node in page["nodes"]])
        cursor = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert seen == [["r0", "r1"], ["r2"]]


def test_another_organization_is_nobody(server: GitHubServer) -> None:
    """Which is no error."""
    assert graphql(server, QUERY, **VARIABLES | {"org": "other"}) == {"data": {"repositoryOwner": None}}


LIST = 'query ($n: Int) { repositoryOwner(login: "acme") { repositories(first: $n) { nodes { name } } } }'


@pytest.mark.parametrize(
    ("query", "says"),
    [
        pytest.param("{ viewer { login } }", 'Parse error on "{"', id="without the word query"),
        pytest.param(
            "query { viewer { login } }", "Field 'viewer' doesn't exist on type 'Query'", id="an unknown field"
        ),
        pytest.param(
            'query { repositoryOwner(login: "a") { name } }',
            "Field 'name' doesn't exist on type 'RepositoryOwner'",
            id="a field of something else",
        ),
        pytest.param(
            "query { repositoryOwner { login } }",
            "Field 'repositoryOwner' is missing required arguments: login",
            id="an argument that is missing",
        ),
        pytest.param(
            'query { repositoryOwner(name: "a", login: "a") { login } }',
            "Field 'repositoryOwner' doesn't accept argument 'name'",
            id="an argument that is none",
        ),
        pytest.param(
            "query { repositoryOwner(login: 1) { login } }",
            "Argument 'login' on Field 'repositoryOwner' has an invalid value. Expected type 'String!'.",
            id="an argument of another type",
        ),
        pytest.param(
            'query q { repositoryOwner(login: "a") }',
            "Field must have selections (field 'repositoryOwner' returns RepositoryOwner but has no selections.)",
            id="an object as a value",
        ),
        pytest.param(
            'query q { repositoryOwner(login: "a") { login { name } } }',
            "Selections can't be made on scalars (field 'login' returns String)",
            id="a value as an object",
        ),
        pytest.param(
            "query q { repositoryOwner(login: $org) { login } }",
            "Variable $org is used by q but not declared",
            id="a variable from nowhere",
        ),
        pytest.param(
            'query q($x: Int) { repositoryOwner(login: "a") { login } }',
            "Variable $x is declared by q but not used",
            id="a variable for nothing",
        ),
        pytest.param(
            "query q($x: String) { repositoryOwner(login: $x) { login } }",
            "Type mismatch on variable $x and argument login (String / String!)",
            id="a variable that may be nothing",
        ),
        pytest.param(
            "query q($x: String!) { repositoryOwner(login: $x) { login } }",
            "Variable $x of type String! was provided invalid value",
            id="a variable without a value",
        ),
        pytest.param(
            'query { repositoryOwner(login: "a") { ... on Blob { text } } }',
            "Fragment on Blob can't be spread inside RepositoryOwner",
            id="a fragment of something else",
        ),
        pytest.param("query { repositoryOwner", "Unexpected end of document", id="half a query"),
        pytest.param("query { a } query { b }", 'Parse error on "query"', id="two queries"),
        pytest.param("mutation { a }", 'Parse error on "mutation"', id="a change"),
    ],
)
def test_what_is_not_in_the_schema_is_refused(server: GitHubServer, query: str, says: str) -> None:
    """Before anything is answered."""
    assert refused(server, query) == [says]


@pytest.mark.parametrize(
    ("size", "kind"), [(None, "MISSING_PAGINATION_BOUNDARIES"), (101, "EXCESSIVE_PAGINATION"), (-1, "ARGUMENT_LIMIT")]
)
def test_no_list_is_given_whole(server: GitHubServer, size: int | None, kind: str) -> None:
    """A client that forgets its pages sees it here, and not with the hundred-and-first repository."""
    body = graphql(server, LIST, n=size)

    assert [error["type"] for error in body["errors"]] == [kind]
    assert body["data"] == {"repositoryOwner": {"repositories": None}}


def test_a_cursor_is_not_made_up(server: GitHubServer) -> None:
    """It is GitHub's own."""
    body = graphql(server, QUERY, **VARIABLES | {"cursor": "2"})
    assert body["errors"][0]["type"] == "INVALID_CURSOR_ARGUMENTS"


def test_files_of_private_repositories_are_for_who_may_read_them(
    server: GitHubServer, organization: Organization
) -> None:
    """The rest of the answer comes all the same."""
    organization.create_repo("rental", auto_init=True, private=True)
    server.service.tokens["weak"] = type(server.service.tokens[server.token])(frozenset(EVERYTHING - {"contents"}))
    body = {"query": QUERY, "variables": VARIABLES | {"catalogPathRef": "HEAD:README.md"}}
    said = request(server, "POST", "/api/graphql", body, Authorization="Bearer weak").body

    assert [error["type"] for error in said["errors"]] == ["FORBIDDEN"]
    (node,) = said["data"]["repositoryOwner"]["repositories"]["nodes"]
    assert (node["name"], node["catalogInfoFile"]) == ("rental", None)


def test_nobody_asks_without_a_token_nor_by_rest(server: GitHubServer) -> None:
    """On GitHub there is no such answer either."""
    body = {"query": QUERY, "variables": VARIABLES}

    assert request(server, "POST", "/api/graphql", body, Authorization="").status == 401
    assert request(server, "GET", "/api/graphql").status == 404
    assert ask(server, "POST", "/api/graphql", body).status == 404
