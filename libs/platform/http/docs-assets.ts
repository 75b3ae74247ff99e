import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export type Asset = { contentType: string; body: Buffer; etag: string };

/** The files of the API reference by name, read once. Every one of them comes from this machine. */
export class DocsAssets {
  private readonly read = new Map<string, Asset>();

  /** Undefined for a name that is not an asset. */
  named(name: string): Asset | undefined {
    const found = this.read.get(name);
    if (found !== undefined) return found;
    const source = Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined;
    if (source === undefined) return undefined;
    const body = 'text' in source ? Buffer.from(source.text) : readFileSync(join(swaggerFolder(), source.file));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
    const asset = { contentType: source.contentType, body, etag };
    this.read.set(name, asset);
    return asset;
  }
}

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

// A file of its own, since the page's policy allows no inline script. No validator: it would send the address of this
// document to another host. No top bar: it would offer to load any other document.
const INITIALIZER = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  presets: [SwaggerUIBundle.presets.apis],
  layout: 'BaseLayout',
  validatorUrl: null,
  queryConfigEnabled: false,
  deepLinking: true,
  filter: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  persistAuthorization: false,
});
`;

const REFERENCE_CSS = `body { margin: 0; background: #fafafa; }
.swagger-ui .info { margin: 24px 0; }
`;

const PAGE_CSS = `body { margin: 0 auto; max-width: 44rem; padding: 1.5rem; font: 16px/1.55 system-ui, sans-serif; color: #1c2024; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 1.6rem; }
a { color: #0b5fae; } code { font: 0.9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: 1rem; background: #f4f5f7; border-radius: 6px; }
table { border-collapse: collapse; } td, th { text-align: left; padding: 0.25rem 1rem 0.25rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) { body { color: #e6e8eb; background: #16181b; } a { color: #6cb2f7; } pre { background: #23262a; } }
`;

const SOURCES: Readonly<Record<string, { contentType: string } & ({ file: string } | { text: string })>> = {
  'swagger-ui.css': { contentType: CSS, file: 'swagger-ui.css' },
  'swagger-ui-bundle.js': { contentType: JAVASCRIPT, file: 'swagger-ui-bundle.js' },
  'favicon.png': { contentType: 'image/png', file: 'favicon-32x32.png' },
  'initializer.js': { contentType: JAVASCRIPT, text: INITIALIZER },
  'reference.css': { contentType: CSS, text: REFERENCE_CSS },
  'page.css': { contentType: CSS, text: PAGE_CSS },
};

function swaggerFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
}
