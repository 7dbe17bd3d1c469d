/** The fleet, in memory: a hundred vehicles that are the same after every start. */

export interface Vehicle {
  readonly id: string;
  readonly kind: "bike" | "scooter" | "car";
}

const KINDS = ["bike", "scooter", "car"] as const;

export const FLEET: ReadonlyMap<string, Vehicle> = new Map(
  Array.from({ length: 100 }, (_, number) => {
    const id = String(number);
    return [id, { id, kind: KINDS[number % KINDS.length] ?? "bike" }];
  }),
);
