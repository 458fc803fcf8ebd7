import type { Locator, Page } from 'playwright-core'
import { eventually } from '../support/eventually.ts'

/** What of an element of the page is looked at. */
interface Block {
  querySelector(selector: string): { textContent: string; getAttribute(name: string): string | null } | null
}

/** Swagger UI as a person uses it. */
export class SwaggerUi {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async open(url: string): Promise<void> {
    await this.page.goto(url)
    await this.page.locator('.opblock').first().waitFor()
  }

  /** Names of the documents that can be chosen. */
  documents(): Promise<string[]> {
    return this.page.locator('.topbar select option').allInnerTexts()
  }

  /** Chooses the document of an upstream, which has its name as title. */
  async choose(name: string): Promise<void> {
    await this.page.locator('.topbar select').selectOption({ label: name })
    await this.page.locator('.info .title', { hasText: name }).waitFor()
    await this.page.locator('.opblock').first().waitFor()
  }

  /** Names of the sections, in their order. */
  tags(): Promise<string[]> {
    return this.page
      .locator('.opblock-tag')
      .evaluateAll((tags) => tags.map((tag) => (tag as unknown as { dataset: { tag: string } }).dataset.tag))
  }

  /** Every operation: `GET /orders`, with whether it bears a lock. */
  async operations(): Promise<Record<string, { locked: boolean }>> {
    // in one look, since the page may still put others in their place
    const found = await this.page
      .locator('.opblock')
      .evaluateAll((blocks) =>
        (blocks as unknown as Block[]).map((block): [string, { locked: boolean }] => [
          `${block.querySelector('.opblock-summary-method')!.textContent} ${block.querySelector('[data-path]')!.getAttribute('data-path')}`,
          { locked: block.querySelector('.authorization__btn') !== null },
        ]),
      )
    return Object.fromEntries(found)
  }

  async authorize(token: string): Promise<void> {
    await this.page.locator('.btn.authorize').first().click()
    const dialog = this.page.locator('.dialog-ux')
    await dialog.locator('input').first().fill(token)
    await dialog.locator('button.authorize').first().click()
    await dialog.locator('.btn-done').click()
  }

  /** Opens an operation, if it is not open, and resolves to it once its description and responses are there. */
  async expand(operationId: string): Promise<Locator> {
    const block = this.#block(operationId)
    if ((await block.locator('.opblock-body').count()) === 0) await block.locator('.opblock-summary-control').click()
    await block.locator('.responses-table').first().waitFor()
    return block
  }

  /** Opens an operation and fills in its parameters and body. */
  async fill(
    operationId: string,
    { parameters = {}, body }: { parameters?: Record<string, string>; body?: object },
  ): Promise<void> {
    const block = this.#block(operationId)
    if ((await block.locator('.opblock-body').count()) === 0) await block.locator('.opblock-summary-control').click()
    await eventually('the operation can be filled in', async () => {
      // the page may draw the operation anew, and forgets the press then
      if ((await block.locator('.try-out__btn.cancel').count()) === 0) await block.locator('.try-out__btn').click()
      return block.locator('.btn.execute').isVisible()
    })
    for (const [name, value] of Object.entries(parameters)) {
      await block.locator(`tr[data-param-name="${name}"] input`).fill(value)
    }
    if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body))
  }

  /** Presses "Execute" and reads the answer that the page shows. */
  async execute(operationId: string): Promise<{ status: number; body: string }> {
    const block = this.#block(operationId)
    const clear = block.locator('.btn-clear')
    if ((await clear.count()) > 0) await clear.click()
    await block.locator('.btn.execute').click()
    const answer = block.locator('.live-responses-table tbody tr.response').first()
    await answer.waitFor()
    return {
      status: Number.parseInt(await answer.locator('.response-col_status').innerText()),
      body: await answer
        .locator('.response-col_description .highlight-code')
        .first()
        .innerText()
        .catch(() => ''),
    }
  }

  #block(operationId: string) {
    return this.page.locator(`.opblock[id$="-${operationId}"]`)
  }
}
