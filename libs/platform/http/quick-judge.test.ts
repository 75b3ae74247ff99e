import {
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  Min,
  MinLength,
  ValidateIf,
  ValidateNested,
  validateSync,
} from 'class-validator';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { quickJudgeOf } from './quick-judge.js';

class Parent {
  @IsInt() @Min(1) @Max(3) number: unknown;
}

class Child extends Parent {
  @IsOptional() @IsIn(['a', 'b']) word: unknown;
  @IsString({ each: true }) @MinLength(1, { each: true }) list: unknown;
  @ValidateIf(({ word }: Child) => word === 'a') @IsString() reason: unknown;
}

class Nesting {
  @ValidateNested() child: unknown;
}

const few = (...values: unknown[]): fc.Arbitrary<unknown> => fc.constantFrom(...values);

it('says what class-validator says', () => {
  const judge = quickJudgeOf(Child);
  const verdicts = new Set<boolean>();
  fc.assert(
    fc.property(
      fc.record({
        number: few(1, 2, 3, 0, 4, 1.5, '1', null, undefined),
        word: few('a', 'b', 'c', null, undefined, 1),
        list: few(
          [],
          ['x'],
          ['x', ''],
          ['x', 1],
          'x',
          '',
          undefined,
          new Set(['x']),
          new Set(['']),
          new Map([[1, 'x']]),
        ),
        reason: few('why', '', 1, null, undefined),
      }),
      (fields) => {
        const dto = Object.assign(new Child(), fields);
        const isRight = validateSync(dto, { forbidUnknownValues: false }).length === 0;
        const said = judge?.(dto);
        verdicts.add(isRight);
        // A no only has the validator asked; a yes must be one.
        if (dto.list instanceof Set || dto.list instanceof Map) expect(said === true && !isRight).toBe(false);
        else expect(said).toBe(isRight);
      },
    ),
    { numRuns: 1_000 },
  );
  expect(verdicts.size).toBe(2);
});

it('leaves classes that nest to class-validator', () => {
  expect(quickJudgeOf(Nesting)).toBeUndefined();
});
