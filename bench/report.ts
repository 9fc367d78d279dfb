/** One measured number. */
export type Figure = {
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What the parts that cannot be done without take by themselves, measured in the same run, in the same unit. */
  readonly floor?: number | undefined
  /** How near the floor this is: 1 is the floor itself, whether less or more is better. */
  readonly ratio?: number | undefined
  /** Events or names in the store when this was measured. */
  readonly stored?: number
  readonly target?: Target | undefined
}

/** What a figure has to keep to; `ratio` is what its ratio must at least be. */
export type Target = { readonly atMost?: number; readonly atLeast?: number; readonly ratio?: number }

/** Collects figures: each is printed as a JSON line at once, and all of them as a table at the end. */
export type Report = { add(figure: Figure): void; table(): void }

/** Makes the report of one benchmark; every line names who verified signatures, or else which relay it was. */
export function createReport(
  bench: string,
  subject: { readonly verifier: string } | { readonly relay: string },
  print: (line: string) => void,
): Report {
  const rows: string[][] = []
  const of = 'verifier' in subject ? { verifier: subject.verifier } : { relay: subject.relay }
  return {
    add: ({ figure, value, unit, floor, ratio, target, stored }) => {
      const isMet = target === undefined ? undefined : meets({ value, ratio }, target)
      const line = {
        ...{ figure, value: rounded(value), unit },
        ...(floor === undefined ? {} : { floor: rounded(floor) }),
        ...(ratio === undefined ? {} : { ratio: rounded(ratio) }),
        ...(target === undefined ? {} : { target: textOf(target), met: isMet }),
        ...(stored === undefined ? {} : { stored }),
      }
      print(JSON.stringify({ bench, ...line, ...of }))
      const met = isMet === undefined ? '' : isMet ? 'yes' : 'NO'
      const cells = [figure, line.value, unit, line.floor, line.ratio, line.target, met, stored]
      rows.push(cells.map(cell => (cell === undefined ? '' : String(cell))))
    },
    table: () => {
      const header = ['figure', 'value', 'unit', 'floor', 'ratio', 'target', 'met', 'stored']
      const widths = header.map((title, column) => Math.max(title.length, ...rows.map(row => row[column]?.length ?? 0)))
      print('')
      print(`${bench}, ${'verifier' in of ? `signatures by ${of.verifier}` : `of the relay at ${of.relay}`}`)
      for (const row of [header, ...rows]) {
        const cells = row.map((cell, column) => {
          const width = widths[column] ?? 0
          return column === 0 ? cell.padEnd(width) : cell.padStart(width)
        })
        print(cells.join('  ').trimEnd())
      }
    },
  }
}

function meets(figure: Pick<Figure, 'value' | 'ratio'>, { atMost, atLeast, ratio }: Target): boolean {
  if (atMost !== undefined && !(figure.value <= atMost)) return false
  if (atLeast !== undefined && !(figure.value >= atLeast)) return false
  return ratio === undefined || (figure.ratio ?? 0) >= ratio
}

function textOf({ atMost, atLeast, ratio }: Target): string {
  const bounds = [
    ...(atMost === undefined ? [] : [`<= ${atMost}`]),
    ...(atLeast === undefined ? [] : [`>= ${atLeast}`]),
    ...(ratio === undefined ? [] : [`ratio >= ${ratio}`]),
  ]
  return bounds.join(', ')
}

/** Three significant digits after a leading zero, else enough for comparison. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))
}
