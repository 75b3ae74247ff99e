import { Marked, type Tokens } from 'marked';

const SAFE_ADDRESS = /^(https?:|mailto:|#|\/(?!\/)|\.{1,2}\/)/i;

/** Markdown to HTML that may stand in any page: raw HTML comes out as text, and links lead only to harmless addresses. */
export function markdownToHtml(markdown: string): string {
  return marked.parse(markdown, { async: false });
}

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }: Tokens.HTML | Tokens.Tag) => escapeHtml(text),
    link({ href, title, tokens }: Tokens.Link) {
      const text = this.parser.parseInline(tokens);
      return isSafe(href) ? `<a href="${escapeHtml(href)}"${titleOf(title)} rel="nofollow noopener">${text}</a>` : text;
    },
    image({ href, title, text }: Tokens.Image) {
      return isSafe(href)
        ? `<img src="${escapeHtml(href)}" alt="${escapeHtml(text)}"${titleOf(title)}>`
        : escapeHtml(text);
    },
  },
});

/** Browsers skip control characters and spaces inside an address, so they do not count here either. */
function isSafe(href: string): boolean {
  return SAFE_ADDRESS.test(href.replace(/[\u0000-\u0020\u007f-\u00a0]/g, ''));
}

function titleOf(title: string | null | undefined): string {
  return title == null || title === '' ? '' : ` title="${escapeHtml(title)}"`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
