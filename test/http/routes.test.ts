import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { ModulesContainer } from '@nestjs/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operations } from '../support/openapi.js';
import { startWorld, type World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

// The upgrade is no route of a controller; the gateway's tests hold it to the contract.
const UPGRADE = 'GET /ws';

it('serves every operation of openapi.yaml, and nothing that is not there', () => {
  const documented = operations.map(({ method, template }) => `${method.toUpperCase()} ${template}`);
  const served = routes();
  expect(served.length).toBeGreaterThan(40);
  expect([...served, UPGRADE].sort()).toEqual([...documented].sort());
});

/** `METHOD /path/{id}` of every handler of every controller. */
function routes(): string[] {
  const modules = [...world.app.get(ModulesContainer).values()];
  const controllers = new Set(
    modules.flatMap((module) => [...module.controllers.values()].map(({ metatype }) => metatype)),
  );
  return [...controllers].flatMap((controller) => {
    if (controller === null) return [];
    const base = pathOf(controller);
    const prototype = controller.prototype as object;
    return Object.getOwnPropertyNames(prototype).flatMap((name) => {
      const handler: unknown = Reflect.get(prototype, name);
      if (typeof handler !== 'function' || !Reflect.hasMetadata(METHOD_METADATA, handler)) return [];
      const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
      const path = [base, pathOf(handler)].filter((part) => part !== '').join('/');
      return [`${method} /${path.replace(/:(\w+)/g, '{$1}')}`];
    });
  });
}

function pathOf(target: object): string {
  const path: unknown = Reflect.getMetadata(PATH_METADATA, target);
  return typeof path === 'string' ? path.replace(/^\/+|\/+$/g, '') : '';
}
