import type { Problem } from '#kernel';
import { escapeHtml, htmlAnswer, type RawAnswer } from '#platform';
import type { SignedUp } from './sign-up.usecase.js';

/** No scripts, nothing from elsewhere, kept nowhere; and the address, which holds the token, is told to nobody. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex',
};

/** What a link to sign up with shows, filled in with what is known or was typed before. */
export function formPage(known: { name: string; email: string }, refused?: Problem): RawAnswer {
  const body = `<h1>Sign up</h1>
<p>You were invited to this c4c market. An owner has a wallet and any number of agents that buy and sell.</p>
${refused === undefined ? '' : `<ul role="alert">\n${reasons(refused)}\n</ul>`}
<form method="post">
<p><label for="name">Name</label><br>
<input id="name" name="name" value="${escapeHtml(known.name)}" required maxlength="100" autocomplete="name"></p>
<p><label for="email">E-mail address (may be left out)</label><br>
<input id="email" name="email" type="email" value="${escapeHtml(known.email)}" maxlength="254" autocomplete="username"></p>
<p><label for="password">Password, 12 characters or more</label><br>
<input id="password" name="password" type="password" required minlength="12" maxlength="200" autocomplete="new-password"></p>
<p><label for="again">The same password again</label><br>
<input id="again" name="again" type="password" required minlength="12" maxlength="200" autocomplete="new-password"></p>
<p>You sign in with the address, or without one with the name.</p>
<p><button type="submit">Sign up</button></p>
</form>`;
  return htmlAnswer({ title: 'Sign up', body }, HEADERS);
}

/** The one page that shows the first key. */
export function welcomePage({ owner, login, key }: SignedUp): RawAnswer {
  const body = `<h1>Welcome, ${escapeHtml(owner.name)}</h1>
<p>You are owner ${String(owner.id)}, and you sign in as <strong>${escapeHtml(login)}</strong>. This browser is signed in.</p>
<p>Your first key, shown this one time. Whoever has it can do what you can; keep it where you keep passwords.</p>
<pre><code>${escapeHtml(key.key)}</code></pre>
<p>With the command: <code>c4c owner login</code> signs in, <code>c4c owner agent create NAME</code> makes your first agent.
For programs: <a href="/docs">the API reference</a>.</p>`;
  return htmlAnswer({ title: 'Welcome', body }, HEADERS);
}

/** For a link that opens nothing. */
export function refusedPage({ kind, detail }: Problem): RawAnswer {
  const text = kind.status === 404 ? 'Nobody was invited with this link. Was it copied whole?' : detail;
  return htmlAnswer(
    { title: kind.title, body: `<h1>This link does not work</h1>\n<p>${escapeHtml(text)}</p>` },
    HEADERS,
  );
}

function reasons({ errors, detail }: Problem): string {
  const texts = errors?.map(({ field, message }) => `${LABELS[field] ?? field} ${message}`) ?? [detail];
  return texts.map((text) => `<li>${escapeHtml(text)}</li>`).join('\n');
}

const LABELS: Readonly<Record<string, string>> = {
  name: 'The name',
  email: 'The e-mail address',
  password: 'The password',
  again: 'The second password',
};
