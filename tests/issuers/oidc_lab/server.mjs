// oidc-provider as it comes: its opaque tokens, its rotation, its interactions for development.
// The lab adds clients, scopes, and a refresh token for everybody who may have one.
import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const clients = ["app", "planner", "worker", "crm", "rogue", "brief"].map((name) => ({
  client_id: name,
  client_secret: `${name}-secret`,
  token_endpoint_auth_method: "client_secret_post",
  grant_types: ["authorization_code", "refresh_token"],
  redirect_uris: ["http://127.0.0.1/back"],
  application_type: "native",
}));
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  scopes: ["openid", "offline_access", "calendar.read", "calendar.write", "mail.send", "crm.read", "crm.export"],
  cookies: { keys: ["fake-key-of-a-lab"] },
  features: {
    devInteractions: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
  },
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
  ttl: { AccessToken: (ctx, token, client) => (client.clientId === "brief" ? 2 : 600) },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});
provider.listen(port, "127.0.0.1");
