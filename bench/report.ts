/** One measured number. */
export type Figure = {
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What the parts that cannot be done without take by themselves, measured in the same run, in the same unit. */
  readonly floor?: number
  /** How near the floor this is: 1 is the floor itself, whether less or more is better. */
  readonly ratio?: number
  /** Events or names in the store when this was measured. */
  readonly stored?: number
  readonly target?: string
}

/** Collects figures: each is printed as a JSON line at once, and all of them as a table at the end. */
export type Report = { add(figure: Figure): void; table(): void }

/** Makes the report of one benchmark; every line names who verified signatures. */
export function createReport(bench: string, verifier: string, print: (line: string) => void): Report {
  const figures: Figure[] = []
  return {
    add: ({ value, floor, ratio, ...rest }) => {
      const figure: Figure = {
        ...rest,
        value: rounded(value),
        ...(floor === undefined ? {} : { floor: rounded(floor) }),
        ...(ratio === undefined ? {} : { ratio: rounded(ratio) }),
      }
      figures.push(figure)
      print(JSON.stringify({ bench, ...figure, verifier }))
    },
    table: () => {
      const header = ['figure', 'value', 'unit', 'floor', 'ratio', 'target', 'stored']
      const rows = figures.map(({ figure, value, unit, floor, ratio, target, stored }) =>
        [figure, value, unit, floor, ratio, target, stored].map(cell => (cell === undefined ? '' : String(cell))),
      )
      const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
      print('')
      print(`${bench}, signatures by ${verifier}`)
      for (const row of [header, ...rows]) {
        const cells = row.map((cell, column) =>
          column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column)),
        )
        print(cells.join('  ').trimEnd())
      }
      function width(column: number): number {
        return widths[column] ?? 0
      }
    },
  }
}

/** Three significant digits after a leading zero, else enough for comparison. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
