// Supabase Lite over a Postgres of ours: GoTrue's and PostgREST's wire on loopback, for one Go
// process (litetest.go) that gives the settings in the environment and holds standard input open.
// The migrations have been applied. It says a word on standard output after each step:
//   warm       its own tables are there, and its first request is over, with which it grants too
//              much on the tables of others; it waits for a line, before which that is undone
//   listening  http://127.0.0.1:port serves
// and later "mail {json}" for each message that a mail server would have sent.
import { createInterface } from "node:readline";
import { serve } from "@hono/node-server";
import { App, ConsoleEmailDriver } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { SignJWT } from "jose";

const { LITE_DB, LITE_SECRET, LITE_KEY, LITE_URL, LITE_PORT } = process.env;
for (const name of ["LITE_DB", "LITE_SECRET", "LITE_KEY"]) delete process.env[name];

// Supabase's access tokens name their issuer, and the backend insists on it; Lite's do not.
const { setIssuedAt } = SignJWT.prototype;
SignJWT.prototype.setIssuedAt = function (time) {
  return setIssuedAt.call(this.setIssuer(`${LITE_URL}/auth/v1`), time);
};

// The end of standard input is the end of the stack, however it ended.
const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
const go = () => new Promise((resolve) => lines.once("line", resolve));
const say = (word, value) => process.stdout.write(value ? `${word} ${JSON.stringify(value)}\n` : `${word}\n`);

const connection = createPostgresConnection({
  url: LITE_DB,
  postgresOptions: {
    max: 8,
    // PostgREST writes RFC 3339; the driver's own text has a space and "+00".
    types: { timestamptz: { to: 1184, from: [1184], serialize: (t) => (t instanceof Date ? t.toISOString() : t),
      parse: (s) => s.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00") } },
    onnotice: () => {},
  },
});

const app = new App({
  connection,
  api: { schemas: ["public"] },
  auth: {
    enabled: true, jwt_secret: LITE_SECRET, publishable_key: LITE_KEY, site_url: LITE_URL, jwt_expiry: 3600,
    email: { enable_confirmations: process.env.LITE_CONFIRM === "1" },
  },
  studio: { enabled: false },
  options: {
    server: { disableStudio: true, admin: false },
    drivers: { email: new ConsoleEmailDriver({ logger: { info: (text) => say("mail", text) } }) },
  },
});

await app.ensureSystemSchema();
await app.fetch(new Request(`${LITE_URL}/rest/v1/user_credits?limit=0`, { headers: { apikey: LITE_KEY } }), { peerAddress: null });
say("warm");
await go();
serve({
  port: Number(LITE_PORT), hostname: "127.0.0.1",
  fetch: (request, env) => app.fetch(request, { peerAddress: env.incoming.socket.remoteAddress ?? null }),
}, () => say("listening"));
