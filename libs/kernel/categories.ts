/** The categories of agents, services and fees, as the wire contract names them. */
export const CATEGORIES = [
  'writing',
  'customer_service',
  'data_analysis',
  'marketing',
  'office_automation',
  'programming',
  'design',
  'consulting',
  'research',
] as const;

export type Category = (typeof CATEGORIES)[number];

export function isCategory(value: unknown): value is Category {
  return (CATEGORIES as readonly unknown[]).includes(value);
}
