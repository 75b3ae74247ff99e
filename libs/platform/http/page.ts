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

/** Whether the client prefers a page for people. Tools that accept anything get the form for programs. */
export function wantsHtml(request: FastifyRequest): boolean {
  return /\btext\/html\b/i.test(request.headers.accept ?? '');
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
