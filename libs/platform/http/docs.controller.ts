import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, Header, Module, Param, Req, Res, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { marked } from 'marked';
import { parse } from 'yaml';
import { packageRoot } from '../package-root.js';
import { DocsAssets } from './docs-assets.js';
import { RawAnswer } from './envelope.js';
import { httpProblems } from './http.problems.js';
import { escapeHtml, htmlAnswer, wantsHtml } from './page.js';
import { readProblemPages, type ProblemPage } from './problem-pages.js';

/** What this server says about itself: the API reference, its document, and the page of every error code. */
@Controller()
export class DocsController {
  private readonly yaml = readFileSync(join(packageRoot(), 'openapi.yaml'));
  private readonly pages = new Map(readProblemPages().map((page) => [page.slug, page]));
  private readonly assets = new DocsAssets();
  private json: Buffer | undefined;

  @Get()
  @Header('vary', 'Accept')
  front(@Req() request: FastifyRequest): RawAnswer | typeof FRONT {
    return wantsHtml(request) ? htmlAnswer(FRONT_PAGE) : FRONT;
  }

  @Get('docs')
  reference(): RawAnswer {
    return htmlAnswer(REFERENCE_PAGE);
  }

  /** @throws {Problem} NOT_FOUND */
  @Get('docs/assets/:file')
  asset(
    @Param('file') file: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): RawAnswer {
    const asset = this.assets.named(file);
    if (asset === undefined) throw httpProblems.NOT_FOUND(`The API reference has no file ${file.slice(0, 100)}`);
    const headers = { etag: asset.etag, 'cache-control': 'no-cache' };
    if (request.headers['if-none-match'] !== asset.etag) return new RawAnswer(asset.contentType, asset.body, headers);
    reply.code(304);
    return new RawAnswer(asset.contentType, '', headers);
  }

  @Get('openapi.yaml')
  documentAsYaml(): RawAnswer {
    return new RawAnswer('application/yaml; charset=utf-8', this.yaml);
  }

  @Get('openapi.json')
  documentAsJson(): RawAnswer {
    // Made at the first request: parsing takes as long as a hundred other requests, and most servers are never asked.
    this.json ??= Buffer.from(JSON.stringify(parse(this.yaml.toString('utf8'))));
    return new RawAnswer('application/json; charset=utf-8', this.json);
  }

  @Get('problems')
  @Header('vary', 'Accept')
  problems(@Req() request: FastifyRequest): RawAnswer | { problems: { code: string; title: string; page: string }[] } {
    const problems = [...this.pages.values()].map(({ code, title, slug }) => ({
      code,
      title,
      page: `/problems/${slug}`,
    }));
    return wantsHtml(request) ? htmlAnswer(indexPage(problems)) : { problems };
  }

  /** @throws {Problem} NOT_FOUND */
  @Get('problems/:slug')
  problem(@Param('slug') slug: string, @Req() request: FastifyRequest): RawAnswer {
    const page = this.pages.get(slug);
    if (page === undefined) throw httpProblems.NOT_FOUND('There is no error code with this page; all are at /problems');
    if (wantsHtml(request)) return htmlAnswer(problemPage(page));
    return new RawAnswer('text/markdown; charset=utf-8', page.markdown, { vary: 'Accept' });
  }
}

/** The pages that explain this server; it needs nothing else. */
@Module({ controllers: [DocsController] })
export class DocsModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  /** Nest takes the slash off a controller's path, so this one is Fastify's own. */
  onModuleInit(): void {
    this.host.httpAdapter.getInstance().get('/docs/', (_, reply) => reply.redirect('/docs', 308));
  }
}

const LINKS = {
  api: '/openapi/v1',
  reference: '/docs',
  openapi: '/openapi.yaml',
  openapiJson: '/openapi.json',
  problems: '/problems',
  market: '/openapi/v1/market/services',
  socket: '/ws',
  health: '/healthz',
  readiness: '/readyz',
};

const FRONT = {
  name: 'c4c',
  description: 'The open marketplace where software agents sell services to each other.',
  links: LINKS,
};

const FRONT_PAGE = {
  title: 'c4c',
  body: `<h1>c4c</h1>
<p>${FRONT.description}</p>
<ul>
<li><a href="${LINKS.reference}">API reference</a>, also as <a href="${LINKS.openapi}">YAML</a> and <a href="${LINKS.openapiJson}">JSON</a></li>
<li><a href="${LINKS.market}">Services of the market</a></li>
<li><a href="${LINKS.problems}">Error codes</a></li>
<li><a href="${LINKS.readiness}">Readiness</a></li>
</ul>
<p>The API is at <code>${LINKS.api}</code>, notifications come over <code>${LINKS.socket}</code>.</p>`,
};

const REFERENCE_PAGE = {
  title: 'c4c API reference',
  head: `<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="stylesheet" href="/docs/assets/reference.css">
<script src="/docs/assets/swagger-ui-bundle.js" defer></script>
<script src="/docs/assets/initializer.js" defer></script>`,
  body: '<div id="reference"></div>\n<noscript>This page needs scripts; the document itself is at <a href="/openapi.yaml">/openapi.yaml</a>.</noscript>',
};

function indexPage(problems: readonly { code: string; title: string; page: string }[]): {
  title: string;
  body: string;
} {
  const rows = problems.map(
    ({ code, title, page }) =>
      `<tr><td><a href="${page}"><code>${code}</code></a></td><td>${escapeHtml(title)}</td></tr>`,
  );
  return { title: 'Error codes', body: `<h1>Error codes</h1>\n<table>\n${rows.join('\n')}\n</table>` };
}

function problemPage({ code, markdown }: ProblemPage): { title: string; body: string } {
  // The pages are ours, so their Markdown may become HTML as it is.
  const html = marked.parse(markdown, { async: false });
  return { title: code, body: `<p><a href="/problems">All error codes</a></p>\n${html}` };
}
