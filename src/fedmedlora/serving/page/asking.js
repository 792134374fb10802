// Questions to the server. The token stands behind the # of the address that `serve` printed, which
// no browser sends to a server.

const KEY = "fedmedlora-token";

function token() {
  const said = new URLSearchParams(location.hash.slice(1)).get("token");
  if (said) {
    sessionStorage.setItem(KEY, said);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY);
}

export async function ask(path, { method = "GET", body } = {}) {
  const headers = { "content-type": "application/json" };
  if (token()) headers.authorization = `Bearer ${token()}`;
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw new Error((said.problems ?? ["something went wrong"]).join("; "));
  return said;
}

export const noteAt = (id) => `api/notes/${id.split("/").map(encodeURIComponent).join("/")}`;
