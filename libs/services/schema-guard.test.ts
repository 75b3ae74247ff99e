import { afterAll, describe, expect, it } from 'vitest';
import { SchemaGuard } from './schema-guard.js';
const guard = new SchemaGuard();
afterAll(() => guard.close());
describe('x', () => {
  it('works', async () => {
    console.log(await guard.check({ type: 'object', properties: { a: { type: 'string', pattern: '(?=a)' } } }));
    console.log(await guard.check({ type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } }));
    const s = { type: 'object', required: ['b', 'toString'], properties: { a: { type: 'string', pattern: '(a+)+$' }, i: {items: {enum: [1, {a: 1}]}} } };
    let t = performance.now();
    console.log(guard.validate(s, null, { a: 'a'.repeat(30) + '!', i: [2, { a: 1 }, { valueOf: 2 }] }), performance.now() - t);
    t = performance.now();
    console.log(guard.validate(s, null, { a: 'a'.repeat(30) + '!', i: [2, { a: 1 }, { valueOf: 2 }] }), performance.now() - t);
    t = performance.now();
    console.log(await guard.validate(s, null, { a: 'a'.repeat(229000) + '!' }), performance.now() - t);
  });
});
