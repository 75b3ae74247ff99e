import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { RawAnswer } from './envelope.js';

/** Scripts and styles only from this server; nothing inline, nothing from elsewhere, no framing. */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'no-cache',
  vary: 'Accept',
};

export type Page = { title: string; body: string; head?: string };

/** An HTML page of this server. `title` is escaped here, `body` and `head` are HTML. */
export function htmlAnswer({ title, body, head = '' }: Page, headers = PAGE_HEADERS): RawAnswer {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="/docs/assets/favicon.png" type="image/png">
${head === '' ? '<link rel="stylesheet" href="/docs/assets/page.css">' : head}
</head>
<body>
${body}
</body>
</html>
`;
  return new RawAnswer('text/html; charset=utf-8', html, headers);
}

/** A page that loads nothing from anywhere and may post a form to this server only. Nobody keeps a copy. `body` is HTML. */
export function lonePage({ title, body }: { title: string; body: string }): RawAnswer {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>${LONE_STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`;
  return new RawAnswer('text/html; charset=utf-8', html, LONE_HEADERS);
}

/** Whether the client prefers a page for people. Tools that accept anything get the form for programs. */
export function wantsHtml(request: FastifyRequest): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

const LONE_STYLE =
  'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}' +
  'p,dd{overflow-wrap:anywhere}dt{color:#555}dd{margin:0 0 .6rem}' +
  'button{font:inherit;padding:.6rem 1.6rem;margin:.6rem .6rem 0 0;border:1px solid #555;border-radius:.4rem;background:#fff;color:#1a1a1a}' +
  'button[value=approve]{background:#14532d;border-color:#14532d;color:#fff}';

// The edge sets the others for every answer: no copies, no framing, no referrer, no guessing of types.
const LONE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    `default-src 'none'; style-src 'sha256-${createHash('sha256').update(LONE_STYLE).digest('base64')}'; ` +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
};
